//! Cuts the texts of panics, which end in a trap without a word.

use walrus::{FunctionBuilder, FunctionKind, Module};

/// What the names of functions contain that never return; all they do beside trapping is format.
const PANICS: &[&str] = &[
    "panicking::",
    "::unwrap_failed",
    "::expect_failed",
    "::assert_failed",
    "::slice_index_fail",
    "::slice_error_fail",
    "::len_mismatch_fail",
    "::handle_alloc_error",
    "::handle_error",
    "::capacity_overflow",
    // Objects that are gone, or in use: `ts/` keeps them, and nothing here calls back.
    "::throw_str",
    "::throw_null",
    // Nothing else formats: errors go out as numbers.
    "::fmt::",
];

/// Replaces their bodies by a trap, and blanks the names of files that they would tell.
pub(crate) fn panics(module: &mut Module) {
    let data: Vec<_> = module.data.iter().map(walrus::Data::id).collect();
    for id in data {
        blank_files(&mut module.data.get_mut(id).value);
    }
    let panics = module.funcs.iter().filter(|function| {
        let name = function.name.as_deref().unwrap_or_default();
        matches!(function.kind, FunctionKind::Local(_))
            && PANICS.iter().any(|panic| name.contains(panic))
    });
    let panics: Vec<_> = panics.map(walrus::Function::id).collect();
    for id in panics {
        let FunctionKind::Local(function) = &module.funcs.get(id).kind else { continue };
        let (kind, arguments) = (function.ty(), function.args.clone());
        let (parameters, results) = module.types.params_results(kind);
        let (parameters, results) = (parameters.to_vec(), results.to_vec());
        let mut trap = FunctionBuilder::new(&mut module.types, &parameters, &results);
        trap.func_body().unreachable();
        module.funcs.get_mut(id).kind = FunctionKind::Local(trap.local_func(arguments));
    }
}

/// Blanks each text that ends in `.rs`, as far back as it looks like a path.
fn blank_files(data: &mut [u8]) {
    let is_path = |byte: &u8| byte.is_ascii_alphanumeric() || b"/-_.".contains(byte);
    for end in 3..=data.len() {
        let Some(before) = data.get_mut(..end) else { return };
        if before.ends_with(b".rs") {
            let path = before.iter_mut().rev().take_while(|byte| is_path(byte));
            path.for_each(|byte| *byte = 0);
        }
    }
}
