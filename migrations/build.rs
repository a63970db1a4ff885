//! A migration that is added has to get into the program: by itself, cargo looks at sources only.

fn main() {
    println!("cargo:rerun-if-changed=sql");
}
