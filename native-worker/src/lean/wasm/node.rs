//! How a Node that runs Lean is started, for a host as for the preparation.

use std::ffi::OsString;
use std::path::Path;

use crate::process::Spec;

/// V8's stack. Wasm frames of Lean's elaborator are deep; Lean's own recursion guard has to speak before V8 does.
const V8_STACK_KIB: u32 = 60_000;

/// `node script`, to which the caller adds arguments.
pub(crate) fn node_with_deep_stack(node: &Path, script: &Path) -> Spec {
    // V8 believes what --stack-size says, so the thread has to have that much: a shell raises the soft limit first.
    let shell = format!("ulimit -s {} 2>/dev/null || ulimit -s unlimited; exec \"$@\"", V8_STACK_KIB + 8192);
    let mut args: Vec<OsString> = vec!["-c".into(), shell.into(), "stepwise-lean".into(), node.into()];
    args.push(format!("--stack-size={V8_STACK_KIB}").into());
    args.push(script.into());
    // Options meant for the user's own programs have no business here.
    Spec { args, env: vec![("NODE_OPTIONS".into(), "".into())], ..Spec::new("sh") }
}
