//! The canonical file format of keyed state: one Arrow IPC file, read by every
//! backend and by SQL.
//!
//! Columns `state` (UInt16, index into the states of the schema metadata), `key`
//! (Binary, full key) and `value` (Binary, stored form of `ttl`), sorted by
//! (state, key), at most 8,192 rows and about 4 MiB a batch. Buffers are compressed
//! with ZSTD where that halves the first batch: counts take a third of their space
//! then, and random texts no time. Schema metadata:
//! `streamjob.format` = `keyed-state`, `streamjob.version`, `streamjob.states`
//! (JSON array of `StateMeta`).

use crate::snapshot::StateMeta;
use arrow::array::{Array, BinaryArray, BinaryBuilder, RecordBatch, UInt16Array, UInt16Builder};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::ipc::CompressionType;
use arrow::ipc::reader::FileReader;
use arrow::ipc::writer::{FileWriter, IpcWriteOptions};
use std::collections::HashMap;
use std::io::{Read, Seek, Write};
use std::ops::Range;
use std::sync::Arc;
use streamjob_core::{Error, Result};

/// Name of the file in a snapshot.
pub const FILE_NAME: &str = "state.arrow";
/// Version that this program writes, and the newest that it reads.
pub const VERSION: u32 = 1;
/// Largest number of rows in a batch.
pub const BATCH_ROWS: usize = 8192;
const BATCH_BYTES: usize = 4 << 20;
const FORMAT: &str = "keyed-state";

/// What a file holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    /// Entries.
    pub entries: u64,
    /// Bytes of keys and values.
    pub bytes: u64,
}

/// Writes a canonical file. Entries must come sorted by (state, key), each once.
pub struct Writer<W: Write> {
    file: Target<W>,
    schema: SchemaRef,
    states: UInt16Builder,
    keys: BinaryBuilder,
    values: BinaryBuilder,
    rows: usize,
    bytes: usize,
    last: Option<(u16, Vec<u8>)>,
    totals: Totals,
}

/// What is written to.
enum Target<W: Write> {
    /// Not begun: the first batch decides how.
    Empty(W),
    Begun(FileWriter<W>),
    /// Beginning has failed.
    Gone,
}

fn options(compressed: bool) -> Result<IpcWriteOptions> {
    let zstd = compressed.then_some(CompressionType::ZSTD);
    Ok(IpcWriteOptions::default().try_with_compression(zstd)?.try_with_compression_level(zstd.map(|_| 1))?)
}

/// Whether compression at least halves a batch.
fn halves(batch: &RecordBatch) -> Result<bool> {
    let mut file = FileWriter::try_new_with_options(Vec::new(), &batch.schema(), options(true)?)?;
    file.write(batch)?;
    let plain = batch.columns().iter().map(|c| c.to_data().get_slice_memory_size()).sum::<Result<usize, _>>()?;
    Ok(file.into_inner()?.len() * 2 <= plain)
}

impl<W: Write> Target<W> {
    /// The file, begun with `first` as its first batch if it was empty.
    fn begun(&mut self, schema: &SchemaRef, first: Option<&RecordBatch>) -> Result<&mut FileWriter<W>> {
        if let Self::Empty(_) = self {
            let compressed = first.map_or(Ok(false), halves)?;
            if let Self::Empty(out) = std::mem::replace(self, Self::Gone) {
                let file = FileWriter::try_new_with_options(out, schema, options(compressed)?);
                *self = Self::Begun(file.map_err(write_failed)?);
            }
        }
        match self {
            Self::Begun(file) => Ok(file),
            _ => Err(Error::internal(format!("{FILE_NAME} could not be begun"))),
        }
    }
}

impl<W: Write> Writer<W> {
    /// Begins a file; entries refer to `states` by index.
    pub fn new(out: W, states: &[StateMeta]) -> Result<Self> {
        let json = serde_json::to_string(states)
            .map_err(|e| Error::internal("state descriptions cannot be written").caused_by(e))?;
        let metadata = HashMap::from([
            ("streamjob.format".to_string(), FORMAT.to_string()),
            ("streamjob.version".to_string(), VERSION.to_string()),
            ("streamjob.states".to_string(), json),
        ]);
        let schema = Arc::new(Schema::new_with_metadata(
            vec![
                Field::new("state", DataType::UInt16, false),
                Field::new("key", DataType::Binary, false),
                Field::new("value", DataType::Binary, false),
            ],
            metadata,
        ));
        Ok(Self {
            file: Target::Empty(out),
            schema,
            states: UInt16Builder::new(),
            keys: BinaryBuilder::new(),
            values: BinaryBuilder::new(),
            rows: 0,
            bytes: 0,
            last: None,
            totals: Totals::default(),
        })
    }

    /// Appends an entry: full key and stored value. Errors (Internal) when it is out of order,
    /// (User) when it is larger than 1 GiB, (Transient) when the file cannot be written.
    pub fn push(&mut self, state: u16, key: &[u8], stored: &[u8]) -> Result<()> {
        let size = key.len() + stored.len();
        if size > 1 << 30 {
            return Err(Error::user(format!("a state entry has {size} bytes; at most 1 GiB can be checkpointed"))
                .fix("keep less per key, or use list or map state with smaller entries"));
        }
        match &mut self.last {
            Some((s, k)) => {
                if (*s, k.as_slice()) >= (state, key) {
                    return Err(Error::internal(format!(
                        "entries of a snapshot are out of order in state number {state}"
                    )));
                }
                *s = state;
                k.clear();
                k.extend_from_slice(key);
            }
            None => self.last = Some((state, key.to_vec())),
        }
        if self.rows > 0 && self.bytes + size > BATCH_BYTES {
            self.flush()?;
        }
        self.states.append_value(state);
        self.keys.append_value(key);
        self.values.append_value(stored);
        self.rows += 1;
        self.bytes += size;
        self.totals.entries += 1;
        self.totals.bytes += size as u64;
        if self.rows >= BATCH_ROWS { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<()> {
        if self.rows == 0 {
            return Ok(());
        }
        let batch = RecordBatch::try_new(
            Arc::clone(&self.schema),
            vec![Arc::new(self.states.finish()), Arc::new(self.keys.finish()), Arc::new(self.values.finish())],
        )?;
        self.rows = 0;
        self.bytes = 0;
        self.file.begun(&self.schema, Some(&batch))?.write(&batch).map_err(write_failed)
    }

    /// Closes the file and gives back what it was written to.
    pub fn finish(mut self) -> Result<(W, Totals)> {
        self.flush()?;
        self.file.begun(&self.schema, None)?;
        match self.file {
            Target::Begun(file) => Ok((file.into_inner().map_err(write_failed)?, self.totals)),
            _ => Err(Error::internal(format!("{FILE_NAME} is not there"))),
        }
    }
}

fn write_failed(e: arrow::error::ArrowError) -> Error {
    let failed = Error::transient(format!("cannot write {FILE_NAME}"));
    match e {
        // Storage's own error says more.
        arrow::error::ArrowError::IoError(_, e) => match e.downcast::<Error>() {
            Ok(own) => own,
            Err(e) => failed.caused_by(e),
        },
        e => failed.caused_by(e),
    }
}

/// Receives the entries of a file: the state, the full key, the stored value.
pub type Visit<'a> = &'a mut dyn FnMut(&StateMeta, &[u8], &[u8]) -> Result<()>;

/// Reads a canonical file and visits the entries whose key group lies in `groups`, in (state, key) order.
/// `name` is for messages. Gives the states of the file. Errors: Transient when it is damaged, User when it
/// is of a newer version.
pub fn read<R: Read + Seek>(source: R, name: &str, groups: &Range<u32>, visit: Visit<'_>) -> Result<Vec<StateMeta>> {
    let reader = FileReader::try_new(source, None).map_err(|e| damaged(name).caused_by(e))?;
    let states = states_of(&reader.schema(), name)?;
    for batch in reader {
        let batch = batch.map_err(|e| damaged(name).caused_by(e))?;
        visit_batch(&batch, name, &states, groups, visit)?;
    }
    Ok(states)
}

fn visit_batch(
    batch: &RecordBatch,
    name: &str,
    states: &[StateMeta],
    groups: &Range<u32>,
    visit: Visit<'_>,
) -> Result<()> {
    let index = batch.column_by_name("state").and_then(|c| c.as_any().downcast_ref::<UInt16Array>());
    let keys = batch.column_by_name("key").and_then(|c| c.as_any().downcast_ref::<BinaryArray>());
    let values = batch.column_by_name("value").and_then(|c| c.as_any().downcast_ref::<BinaryArray>());
    let (Some(index), Some(keys), Some(values)) = (index, keys, values) else {
        return Err(damaged(name));
    };
    for row in 0..batch.num_rows() {
        let key = keys.value(row);
        let group = key.first_chunk::<2>().ok_or_else(|| damaged(name))?;
        if !groups.contains(&u32::from(u16::from_be_bytes(*group))) {
            continue;
        }
        let state = states.get(usize::from(index.value(row))).ok_or_else(|| damaged(name))?;
        visit(state, key, values.value(row))?;
    }
    Ok(())
}

fn states_of(schema: &Schema, name: &str) -> Result<Vec<StateMeta>> {
    let get = |key: &str| schema.metadata().get(key).map(String::as_str);
    if get("streamjob.format") != Some(FORMAT) {
        return Err(damaged(name));
    }
    let version: u32 = get("streamjob.version").and_then(|v| v.parse().ok()).ok_or_else(|| damaged(name))?;
    if version > VERSION {
        return Err(Error::user(format!(
            "{name} is of format version {version}, and this program reads versions up to {VERSION}"
        ))
        .fix("run the program version that wrote it, or a newer one"));
    }
    serde_json::from_str(get("streamjob.states").unwrap_or_default()).map_err(|e| damaged(name).caused_by(e))
}

fn damaged(name: &str) -> Error {
    Error::transient(format!("state file {name} is damaged")).fix("restore from an older checkpoint or savepoint")
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use crate::backend::StateKind;
    use proptest::prelude::*;
    use std::collections::BTreeMap;
    use std::io::Cursor;

    fn meta(name: &str) -> StateMeta {
        StateMeta {
            name: name.into(),
            kind: StateKind::Map,
            key_schema: "k".into(),
            value_schema: "v".into(),
            version: 1,
            ttl: false,
        }
    }

    type Entries = BTreeMap<(u16, Vec<u8>), Vec<u8>>;

    fn write(entries: &Entries) -> Vec<u8> {
        let mut w = Writer::new(Vec::new(), &[meta("a"), meta("b")]).unwrap();
        for ((s, k), v) in entries {
            w.push(*s, k, v).unwrap();
        }
        w.finish().unwrap().0
    }

    fn read_all(bytes: Vec<u8>, groups: Range<u32>) -> Entries {
        let mut got = Entries::new();
        read(Cursor::new(bytes), "f", &groups, &mut |m, k, v| {
            got.insert((u16::from(m.name == "b"), k.to_vec()), v.to_vec());
            Ok(())
        })
        .unwrap();
        got
    }

    proptest! {
        #[test]
        fn round_trip_and_group_filter(
            raw: Vec<(bool, u8, Vec<u8>, Vec<u8>)>, start in 0u32..200, len in 0u32..200,
        ) {
            let entries: Entries = raw.into_iter()
                .map(|(s, g, k, v)| ((u16::from(s), [&[0, g], k.as_slice()].concat()), v)).collect();
            let groups = start..start + len;
            let want: Entries = entries.iter()
                .filter(|((_, k), _)| groups.contains(&u32::from(k[1])))
                .map(|(k, v)| (k.clone(), v.clone())).collect();
            prop_assert_eq!(read_all(write(&entries), groups), want);
        }
    }

    #[test]
    fn many_rows_are_cut_into_batches() {
        let entries: Entries =
            (0..20_000u32).map(|i| ((0, [&[0, 0], i.to_be_bytes().as_slice()].concat()), vec![1; 3])).collect();
        let bytes = write(&entries);
        let reader = FileReader::try_new(Cursor::new(&bytes), None).unwrap();
        assert_eq!(reader.num_batches(), 3);
        assert_eq!(read_all(bytes, 0..1), entries);
    }

    #[test]
    fn what_halves_is_compressed() {
        let write_all = |value: &dyn Fn(u32) -> Vec<u8>| {
            let mut w = Writer::new(Vec::new(), &[meta("a")]).unwrap();
            for i in 0..20_000u32 {
                w.push(0, &[[0, 0].as_slice(), i.to_be_bytes().as_slice()].concat(), &value(i)).unwrap();
            }
            let (bytes, totals) = w.finish().unwrap();
            let mut rows = 0;
            read(Cursor::new(&bytes), "f", &(0..1), &mut |_, k, v| {
                assert_eq!(v, value(u32::from_be_bytes(*k.last_chunk().unwrap())));
                rows += 1;
                Ok(())
            })
            .unwrap();
            assert_eq!(rows, 20_000);
            (bytes.len() as u64, totals.bytes)
        };
        let (file, content) = write_all(&|i| u64::from(i % 7).to_le_bytes().to_vec());
        assert!(file * 5 < content * 3, "{file} bytes of {content}");
        let (file, content) = write_all(&|i| (0..8).flat_map(|n| xxh(i * 8 + n).to_le_bytes()).collect());
        assert!(file > content, "{file} bytes of {content}");
    }

    /// A number that looks random.
    fn xxh(i: u32) -> u64 {
        streamjob_core::key::hash(&i.to_le_bytes())
    }

    #[test]
    fn refuses_disorder_damage_and_newer_versions() {
        let mut w = Writer::new(Vec::new(), &[meta("a")]).unwrap();
        w.push(0, &[0, 1], b"").unwrap();
        assert!(w.push(0, &[0, 1], b"").is_err());
        let mut bytes = write(&Entries::from([((0, vec![0, 0, 5]), vec![1])]));
        let good = bytes.clone();
        let visit =
            |b: &[u8]| read(Cursor::new(b.to_vec()), "f", &(0..9), &mut |_, _, _| Ok(())).unwrap_err().to_string();
        bytes.truncate(good.len() / 2);
        assert!(visit(&bytes).contains("f is damaged"), "{}", visit(&bytes));
        let newer = Schema::new_with_metadata(
            Vec::<Field>::new(),
            HashMap::from([
                ("streamjob.format".to_string(), FORMAT.to_string()),
                ("streamjob.version".to_string(), "2".to_string()),
            ]),
        );
        let e = states_of(&newer, "f").unwrap_err();
        assert!(e.to_string().contains("f is of format version 2"), "{e}");
        assert!(states_of(&Schema::empty(), "f").is_err());
    }
}
