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
    // Nothing else formats: errors go out as numbers.
    "::fmt::",
];

/// Replaces their bodies by a trap.
pub(crate) fn panics(module: &mut Module) {
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
