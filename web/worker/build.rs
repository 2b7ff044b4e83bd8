//! Has the linker export what runs the constructors, which `start` in src/lib.rs then calls once.
//!
//! Kernels register themselves by constructors. A linker that sees nobody call them wraps every export so that each call
//! from JavaScript runs them all again, which takes milliseconds and memory each time.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if std::env::var("CARGO_CFG_TARGET_ARCH").is_ok_and(|arch| arch == "wasm32") {
        println!("cargo:rustc-link-arg-cdylib=--export=__wasm_call_ctors");
    }
}
