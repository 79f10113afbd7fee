// Writes a module as JavaScript, for pages where WebAssembly is forbidden: `node asm.mjs MODULE FILE`.
import { execFileSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { transformSync } from 'esbuild';

const [, , module, file] = process.argv;
const binaryen = (tool, ...options) => execFileSync(process.execPath, [fileURLToPath(new URL(`../node_modules/binaryen/bin/${tool}`, import.meta.url)), ...options]);

// What JavaScript has nothing for is written in what it has.
const lowered = `${file}.wasm`;
const features = ['bulk-memory', 'bulk-memory-opt', 'sign-ext', 'mutable-globals', 'nontrapping-float-to-int', 'multivalue'].map((name) => `--enable-${name}`);
binaryen('wasm-opt', ...features, '--signext-lowering', '--llvm-nontrapping-fptoint-lowering', '--llvm-memory-copy-fill-lowering', '-Oz', module, '-o', lowered);
binaryen('wasm2js', '-O', lowered, '-o', file);
rmSync(lowered);
writeFileSync(file, transformSync(readFileSync(file, 'utf8'), { minify: true, format: 'esm', target: 'es2022' }).code);
writeFileSync(file.replace(/\.js$/, '.d.ts'), 'export declare const memory: WebAssembly.Memory;\n');
