//! The manifest of a job, and what is done with it.

use super::storage::Storage;
use serde_json::{Value, json};

/// Rows a second. As in the study of Flink's operator, so that outages can be compared.
pub const RATE: u64 = 1000;
/// Keys of the totals.
pub const PARTS: u64 = 20;
/// Rows between two totals of a key: the time of row n is n ms.
pub const STEP: u64 = 1000;

/// Keys of the big state.
pub const BIG_KEYS: u64 = 65_536;

/// A StreamJob as a document.
#[derive(Clone, Debug)]
pub struct Job {
    pub name: String,
    pub manifest: Value,
    out: String,
}

impl Job {
    /// A job that writes down every row that it sees and, from state, the totals of all rows so far. See [`sql`].
    pub fn new(name: &str, namespace: &str, storage: &Storage) -> Self {
        let out = format!("s3://{}/{}/out", storage.bucket, storage.prefix);
        let manifest = json!({
            "apiVersion": "streamjob.dev/v1alpha1",
            "kind": "StreamJob",
            "metadata": {"name": name, "namespace": namespace},
            "spec": {
                "job": {"sql": sql(&out, "v1")},
                "checkpoint": {
                    "interval": "1s",
                    "storage": {"type": "S3", "s3": {
                        "bucket": storage.bucket, "prefix": storage.prefix, "endpoint": storage.endpoint,
                        "pathStyle": true, "region": "us-east-1",
                        "credentialsSecretRef": {"name": super::space::SECRET},
                    }},
                },
                // Several tests share a small machine.
                "coordinator": {"resources": {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"memory": "512Mi"}}},
                "worker": {"resources": {"requests": {"cpu": "50m", "memory": "128Mi"}, "limits": {"memory": "768Mi"}}},
            },
        });
        Self { name: name.to_owned(), manifest, out }
    }

    /// With this value at this place, such as `/spec/parallelism`.
    pub fn with(mut self, place: &str, value: impl Into<Value>) -> Self {
        set(&mut self.manifest, place, value.into());
        self
    }

    /// With another script.
    pub fn sql(self, sql: impl Into<String>) -> Self {
        self.with("/spec/job/sql", sql.into())
    }

    /// The same computation, under another name in its output: state fits.
    pub fn version(self, version: &str) -> Self {
        let sql = sql(&self.out, version);
        self.sql(sql)
    }

    /// [`Self::version`] with one GiB of state beside: 65,536 keys with 16 KiB each that do not compress, complete after
    /// as many rows.
    pub fn gigabyte(self, version: &str) -> Self {
        let text = sql(&self.out, version)
            .replace("(id BIGINT, ts AS", "(id BIGINT, payload STRING, ts AS")
            .replace("'80000000')", "'80000000', 'fields.payload.length' = '16384')")
            .replace(
                "EXECUTE STATEMENT SET",
                "CREATE TABLE big (id BIGINT, payload STRING) WITH ('connector' = 'blackhole');\nEXECUTE STATEMENT SET",
            )
            .replace(
                "END;",
                &format!(
                    "  INSERT INTO big SELECT id, MAX(payload) FROM ids WHERE id <= {BIG_KEYS} GROUP BY id;\nEND;"
                ),
            );
        self.sql(text)
    }

    /// A computation whose state is another one.
    pub fn incompatible(self) -> Self {
        let text = sql(&self.out, "v2").replace("SUM(id)", "MAX(id)");
        self.sql(text)
    }
}

/// Sets a member of a document, making what lies between; `Null` removes it.
pub fn set(document: &mut Value, place: &str, value: Value) {
    let mut parts: Vec<&str> = place.split('/').skip(1).collect();
    let last = parts.pop().expect("a place such as /spec/parallelism");
    let mut at = document;
    for part in parts {
        let object = at.as_object_mut().expect("a mapping");
        at = object.entry(part.replace("~1", "/")).or_insert_with(|| json!({}));
    }
    let object = at.as_object_mut().expect("a mapping");
    let last = last.replace("~1", "/");
    if value.is_null() {
        object.remove(&last);
    } else {
        object.insert(last, value);
    }
}

/// Two outputs. `seen` has each row, with the time when it was made and the version of the job that made it. `totals`
/// has, for every thousand rows and each part, count and sum of all rows from the first one: they come from state that
/// has gone through everything, so that they are right only if nothing was lost or counted twice.
pub fn sql(out: &str, version: &str) -> String {
    format!(
        "CREATE TABLE ids (id BIGINT, ts AS TO_TIMESTAMP_LTZ(id, 3), WATERMARK FOR ts AS ts)
  WITH ('connector' = 'datagen', 'seed' = '7', 'rows-per-second' = '{RATE}',
        'fields.id.kind' = 'sequence', 'fields.id.start' = '1', 'fields.id.end' = '80000000');
CREATE TABLE seen (id BIGINT, made TIMESTAMP_LTZ(3), version STRING)
  WITH ('connector' = 'filesystem', 'path' = '{out}/seen', 'format' = 'csv');
CREATE TABLE totals (up_to TIMESTAMP_LTZ(3), part BIGINT, cnt BIGINT, total BIGINT)
  WITH ('connector' = 'filesystem', 'path' = '{out}/totals', 'format' = 'csv');
EXECUTE STATEMENT SET BEGIN
  INSERT INTO seen SELECT id, CURRENT_TIMESTAMP, '{version}' FROM ids;
  INSERT INTO totals SELECT window_end, MOD(id, {PARTS}), COUNT(*), SUM(id)
    FROM TABLE(CUMULATE(TABLE ids, DESCRIPTOR(ts), INTERVAL '1' SECOND, INTERVAL '1' DAY))
    GROUP BY window_start, window_end, MOD(id, {PARTS});
END;
"
    )
}
