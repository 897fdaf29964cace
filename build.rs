//! How the program is linked: smaller in its file and in memory.

use std::path::Path;
use std::process::Command;
use std::{env, fs, io};

/// Written by `link/order`: a symbol on each line, with `*` for hashes.
const ORDER: &str = "link/order.txt";

fn main() -> io::Result<()> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed={ORDER}");
    if !is("CARGO_CFG_TARGET_OS", "linux") || linker_is_mold() {
        return Ok(());
    }
    if env::var("HOST") == env::var("TARGET") && glibc_reads_packed_relocations() {
        println!("cargo::rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
    if is("PROFILE", "release") {
        put_side_by_side(&fs::read_to_string(ORDER)?)?;
    }
    Ok(())
}

fn is(variable: &str, value: &str) -> bool {
    env::var(variable).is_ok_and(|is| is == value)
}

/// Unlike the linkers of GNU and LLVM, which rustc takes by itself, mold has no linker scripts; and in
/// Debian 12 makes of packed relocations a program that does not start.
fn linker_is_mold() -> bool {
    env::var("CARGO_ENCODED_RUSTFLAGS").is_ok_and(|flags| flags.contains("mold"))
}

/// A position-independent program is told at its start where its addresses lie. Packed, that table takes
/// a few KB of the file and of memory in place of 440, but glibc before 2.36 does not start the program.
fn glibc_reads_packed_relocations() -> bool {
    let version = || {
        let printed = Command::new("getconf").arg("GNU_LIBC_VERSION").output().ok()?.stdout;
        let (major, minor) = str::from_utf8(&printed).ok()?.trim().strip_prefix("glibc ")?.split_once('.')?;
        Some((major.parse::<u32>().ok()?, minor.parse::<u32>().ok()?))
    };
    version() >= Some((2, 36))
}

/// Puts the functions that a replica runs before all the others. The kernel maps many pages of a file
/// around each one that is touched, so what lies between them is in memory too: docs/decisions/13.
fn put_side_by_side(functions: &str) -> io::Result<()> {
    let sections: String =
        functions.lines().map(|name| format!("*(.text.{name}* .text.unlikely.{name}*)\n")).collect();
    let script = format!("SECTIONS {{ .text.served : {{\n{sections}}} }} INSERT BEFORE .text;\n");
    let file = Path::new(&env::var("OUT_DIR").expect("cargo sets it")).join("order.ld");
    fs::write(&file, script)?;
    println!("cargo::rustc-link-arg-bins=-Wl,-T,{}", file.display());
    Ok(())
}
