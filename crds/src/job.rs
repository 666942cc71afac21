//! What a job computes: SQL in place, SQL from a ConfigMap, or a Rust program in
//! the user's image. Exactly one of the three.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::rules;
use crate::validate::FieldError;

/// Longest SQL text kept in the object itself (the whole object is limited to about 1.5 MB).
pub const MAX_SQL: usize = 524_288;

/// What the job computes. Exactly one of `sql`, `sqlFrom` and `program`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Job {
    /// Flink-dialect SQL: CREATE TABLE, CREATE VIEW, SET and INSERT INTO statements, separated by semicolons. Change: stateful.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 524288))]
    pub sql: Option<String>,
    /// SQL that lies in a ConfigMap of the same namespace. A change of its content counts as a change of the job. Change: stateful.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sql_from: Option<SqlFrom>,
    /// A Rust program linked with the StreamJob library; `image` must contain it as its entry point. Change: stateful.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub program: Option<Program>,
}

/// Where SQL is read from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SqlFrom {
    /// The ConfigMap and the key in it. Change: stateful.
    pub config_map_key_ref: ConfigMapKeyRef,
}

/// One key of a ConfigMap in the namespace of the StreamJob.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ConfigMapKeyRef {
    /// Name of the ConfigMap. Change: stateful.
    #[schemars(length(min = 1, max = 253), regex(pattern = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"))]
    pub name: String,
    /// Key in the ConfigMap whose value is the SQL text. Change: stateful.
    #[schemars(length(min = 1, max = 253), regex(pattern = r"^[-._a-zA-Z0-9]+$"))]
    pub key: String,
}

/// A job written in Rust.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct Program {
    /// Arguments of the program, handed over in this order. Change: stateful.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 256), inner(length(max = 4096)))]
    pub args: Vec<String>,
}

/// The one thing a job runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JobSource<'a> {
    /// SQL text.
    Sql(&'a str),
    /// SQL in a ConfigMap.
    SqlFrom(&'a ConfigMapKeyRef),
    /// The user's program.
    Program(&'a Program),
}

impl Job {
    /// A job of this SQL text.
    pub fn from_sql(sql: impl Into<String>) -> Self {
        Self { sql: Some(sql.into()), ..Self::default() }
    }

    /// What the job runs; an error if it is not exactly one thing.
    pub fn source(&self) -> Result<JobSource<'_>, FieldError> {
        match (&self.sql, &self.sql_from, &self.program) {
            (Some(sql), None, None) => Ok(JobSource::Sql(sql)),
            (None, Some(from), None) => Ok(JobSource::SqlFrom(&from.config_map_key_ref)),
            (None, None, Some(program)) => Ok(JobSource::Program(program)),
            _ => Err(rules::ONE_JOB.error()),
        }
    }
}
