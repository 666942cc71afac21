//! Checksums and base64 as they stand in checkpoint files: xxh3-64 of the
//! content as 16 hex digits.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use streamjob_core::error::ErrorExt;
use streamjob_core::{Error, Result};
use xxhash_rust::xxh3::{Xxh3, xxh3_64};

/// xxh3-64 of bytes, 16 lower-case hex digits.
pub fn checksum(bytes: &[u8]) -> String {
    format!("{:016x}", xxh3_64(bytes))
}

/// The checksum of what was hashed piece by piece.
pub(crate) fn digest(hash: &Xxh3) -> String {
    format!("{:016x}", hash.digest())
}

/// Size in bytes and checksum of a local file, read once in pieces.
pub fn file_checksum(path: &Path) -> Result<(u64, String)> {
    let mut file = File::open(path).transient(format!("cannot open {}", path.display()))?;
    read_checksum(&mut file).transient(format!("cannot read {}", path.display()))
}

/// Size in bytes and checksum of what is left to read, read in pieces.
pub(crate) fn read_checksum(source: &mut impl Read) -> io::Result<(u64, String)> {
    let mut hash = Xxh3::new();
    let mut size = 0u64;
    let mut buffer = vec![0u8; 256 << 10];
    loop {
        let n = source.read(&mut buffer)?;
        if n == 0 {
            return Ok((size, digest(&hash)));
        }
        hash.update(buffer.get(..n).unwrap_or(&[]));
        size += n as u64;
    }
}

/// Base64 of bytes, standard alphabet, padded.
pub fn to_base64(bytes: &[u8]) -> String {
    aws_smithy_types::base64::encode(bytes)
}

/// Bytes of base64 text.
pub fn from_base64(text: &str) -> Result<Vec<u8>> {
    aws_smithy_types::base64::decode(text).map_err(|_| Error::user("inline content is not valid base64"))
}
