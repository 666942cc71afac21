//! JSON.

use super::site::FunctionDef;

/// The functions of this module.
pub const FUNCTIONS: &[FunctionDef] = &[];
