// Writes `pkg/index.cjs`, the default entry for `require`: Node without `require` of ES modules, and Jest.
import { buildSync } from 'esbuild';

const [, , entry, outfile] = process.argv;
// What is ASCII cannot be misread.
buildSync({ entryPoints: [entry], outfile, bundle: true, format: 'cjs', target: 'es2022', charset: 'ascii', minifyWhitespace: true });
