mod against_kms;
mod bound;
mod key_file;
mod memory;
mod moved_rows;
mod scratch;
mod small;
mod unwraps;
