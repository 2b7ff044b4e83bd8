//! The page's entry: mounts the app in the browser.

#[cfg(target_arch = "wasm32")]
fn main() {
    stepwise_web::mount();
}

#[cfg(not(target_arch = "wasm32"))]
fn main() {
    eprintln!("this is the web page; `cargo xtask web --serve` builds and serves it");
}
