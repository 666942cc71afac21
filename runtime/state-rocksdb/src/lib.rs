//! The `rocksdb` state backend: a write-back cache in front of one RocksDB per
//! subtask, incremental checkpoints, and restores that link files instead of
//! copying rows.

mod backend;
mod cache;
mod cached;
mod database;
mod error;
mod factory;
mod ffi;
mod files;
mod flushing;
mod memory;
mod options;
mod parallel;
mod parts;
mod reader;
mod restore;
mod rows;
mod scratch;
mod snapshot;

pub use factory::RocksDbFactory;
pub use options::CompactionStyle;
pub use reader::RocksDbReader;

#[cfg(test)]
mod tests;
