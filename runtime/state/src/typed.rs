//! Typed handles on keyed state. A handle holds only the state's id and builds
//! full keys; the backend is passed to every call, as the subtask owns it.
//!
//! Full keys are `group (2 bytes) ++ key ++ sub key`, where `key` is the
//! canonical encoding of `streamjob_core::key`. The same handle serves all keys.

use crate::backend::{KeyedBackend, StateId};
use std::marker::PhantomData;
use std::ops::ControlFlow;
use streamjob_core::{Error, Result};

/// The full key of a key's single entry, and the prefix of all its entries.
pub fn key_prefix(group: u16, key: &[u8]) -> Vec<u8> {
    let mut full = Vec::with_capacity(2 + key.len() + 8);
    write_key_prefix(group, key, &mut full);
    full
}

/// Like [`key_prefix`], into a buffer that is cleared first.
pub fn write_key_prefix(group: u16, key: &[u8], out: &mut Vec<u8>) {
    out.clear();
    out.extend_from_slice(&group.to_be_bytes());
    out.extend_from_slice(key);
}

/// Something that can be a state's value: a specified, stable byte form.
pub trait StateValue: Sized {
    /// Appends the bytes.
    fn write(&self, out: &mut Vec<u8>);
    /// Reads them back. Errors (Transient) when they are damaged.
    fn read(bytes: &[u8]) -> Result<Self>;
}

impl StateValue for Vec<u8> {
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self);
    }
    fn read(bytes: &[u8]) -> Result<Self> {
        Ok(bytes.to_vec())
    }
}

impl StateValue for String {
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.as_bytes());
    }
    fn read(bytes: &[u8]) -> Result<Self> {
        String::from_utf8(bytes.to_vec()).map_err(|e| wrong("text", bytes.len()).caused_by(e))
    }
}

impl StateValue for () {
    fn write(&self, _out: &mut Vec<u8>) {}
    fn read(_bytes: &[u8]) -> Result<Self> {
        Ok(())
    }
}

impl StateValue for bool {
    fn write(&self, out: &mut Vec<u8>) {
        out.push(u8::from(*self));
    }
    fn read(bytes: &[u8]) -> Result<Self> {
        match bytes {
            [0] => Ok(false),
            [1] => Ok(true),
            _ => Err(wrong("boolean", bytes.len())),
        }
    }
}

macro_rules! big_endian {
    ($($t:ty),*) => {$(
        impl StateValue for $t {
            fn write(&self, out: &mut Vec<u8>) {
                out.extend_from_slice(&self.to_be_bytes());
            }
            fn read(bytes: &[u8]) -> Result<Self> {
                bytes.try_into().map(<$t>::from_be_bytes).map_err(|_| wrong(stringify!($t), bytes.len()))
            }
        }
    )*};
}
big_endian!(u8, u16, u32, u64, u128, i8, i16, i32, i64, i128, f32, f64);

fn wrong(what: &str, len: usize) -> Error {
    Error::transient(format!("a state value of {len} bytes is no {what}: the state is damaged or of another version"))
}

/// One value per key.
#[derive(Debug)]
pub struct ValueState<T = Vec<u8>> {
    state: StateId,
    full: Vec<u8>,
    bytes: Vec<u8>,
    of: PhantomData<fn() -> T>,
}

impl<T: StateValue> ValueState<T> {
    /// A view of a registered state.
    pub fn new(state: StateId) -> Self {
        Self { state, full: Vec::new(), bytes: Vec::new(), of: PhantomData }
    }

    /// The key's value.
    pub fn get(&mut self, backend: &mut dyn KeyedBackend, group: u16, key: &[u8]) -> Result<Option<T>> {
        write_key_prefix(group, key, &mut self.full);
        backend.get(self.state, &self.full)?.map(|b| T::read(&b)).transpose()
    }

    /// Sets the key's value.
    pub fn set(&mut self, backend: &mut dyn KeyedBackend, group: u16, key: &[u8], value: &T) -> Result<()> {
        write_key_prefix(group, key, &mut self.full);
        self.bytes.clear();
        value.write(&mut self.bytes);
        backend.put(self.state, &self.full, &self.bytes)
    }

    /// Removes the key's value.
    pub fn clear(&mut self, backend: &mut dyn KeyedBackend, group: u16, key: &[u8]) -> Result<()> {
        write_key_prefix(group, key, &mut self.full);
        backend.delete(self.state, &self.full)
    }
}

/// One accumulator per key.
#[derive(Debug)]
pub struct AggregatingState<T = Vec<u8>>(ValueState<T>);

impl<T: StateValue> AggregatingState<T> {
    /// A view of a registered state.
    pub fn new(state: StateId) -> Self {
        Self(ValueState::new(state))
    }

    /// The key's accumulator.
    pub fn get(&mut self, backend: &mut dyn KeyedBackend, group: u16, key: &[u8]) -> Result<Option<T>> {
        self.0.get(backend, group, key)
    }

    /// Replaces the accumulator by what `merge` makes of it; `None` removes it.
    pub fn update(
        &mut self,
        backend: &mut dyn KeyedBackend,
        group: u16,
        key: &[u8],
        merge: impl FnOnce(Option<T>) -> Result<Option<T>>,
    ) -> Result<()> {
        let old = self.0.get(backend, group, key)?;
        let had = old.is_some();
        match merge(old)? {
            Some(new) => self.0.set(backend, group, key, &new),
            None if had => self.0.clear(backend, group, key),
            None => Ok(()),
        }
    }

    /// Removes the key's accumulator.
    pub fn clear(&mut self, backend: &mut dyn KeyedBackend, group: u16, key: &[u8]) -> Result<()> {
        self.0.clear(backend, group, key)
    }
}

/// Entries per key, ordered by the bytes of their sub keys.
#[derive(Debug)]
pub struct MapState<T = Vec<u8>> {
    state: StateId,
    full: Vec<u8>,
    bytes: Vec<u8>,
    of: PhantomData<fn() -> T>,
}

impl<T: StateValue> MapState<T> {
    /// A view of a registered state.
    pub fn new(state: StateId) -> Self {
        Self { state, full: Vec::new(), bytes: Vec::new(), of: PhantomData }
    }

    fn at(&mut self, group: u16, key: &[u8], sub: &[u8]) {
        write_key_prefix(group, key, &mut self.full);
        self.full.extend_from_slice(sub);
    }

    /// The value under a sub key.
    pub fn get(&mut self, backend: &mut dyn KeyedBackend, group: u16, key: &[u8], sub: &[u8]) -> Result<Option<T>> {
        self.at(group, key, sub);
        backend.get(self.state, &self.full)?.map(|b| T::read(&b)).transpose()
    }

    /// Sets the value under a sub key.
    pub fn put(&mut self, backend: &mut dyn KeyedBackend, group: u16, key: &[u8], sub: &[u8], value: &T) -> Result<()> {
        self.at(group, key, sub);
        self.bytes.clear();
        value.write(&mut self.bytes);
        backend.put(self.state, &self.full, &self.bytes)
    }

    /// Removes a sub key.
    pub fn remove(&mut self, backend: &mut dyn KeyedBackend, group: u16, key: &[u8], sub: &[u8]) -> Result<()> {
        self.at(group, key, sub);
        backend.delete(self.state, &self.full)
    }

    /// Visits the key's entries (sub key, value) in order until the visitor breaks.
    pub fn scan(
        &mut self,
        backend: &mut dyn KeyedBackend,
        group: u16,
        key: &[u8],
        mut visit: impl FnMut(&[u8], T) -> Result<ControlFlow<()>>,
    ) -> Result<()> {
        write_key_prefix(group, key, &mut self.full);
        let skip = self.full.len();
        backend.scan(self.state, &self.full, &mut |full, value| {
            visit(full.get(skip..).unwrap_or_default(), T::read(value)?)
        })
    }

    /// The key's first entry.
    pub fn first(&mut self, backend: &mut dyn KeyedBackend, group: u16, key: &[u8]) -> Result<Option<(Vec<u8>, T)>> {
        let mut first = None;
        self.scan(backend, group, key, |sub, value| {
            first = Some((sub.to_vec(), value));
            Ok(ControlFlow::Break(()))
        })?;
        Ok(first)
    }

    /// True when the key has no entries.
    pub fn is_empty(&mut self, backend: &mut dyn KeyedBackend, group: u16, key: &[u8]) -> Result<bool> {
        write_key_prefix(group, key, &mut self.full);
        let mut empty = true;
        backend.scan(self.state, &self.full, &mut |_, _| {
            empty = false;
            Ok(ControlFlow::Break(()))
        })?;
        Ok(empty)
    }

    /// Removes all of the key's entries.
    pub fn clear(&mut self, backend: &mut dyn KeyedBackend, group: u16, key: &[u8]) -> Result<()> {
        write_key_prefix(group, key, &mut self.full);
        backend.delete_prefix(self.state, &self.full)
    }
}

/// Elements per key in order of addition. An element's sub key is its 8-byte sequence number; the entry
/// without sub key holds the next number.
#[derive(Debug)]
pub struct ListState<T = Vec<u8>> {
    state: StateId,
    full: Vec<u8>,
    bytes: Vec<u8>,
    of: PhantomData<fn() -> T>,
}

impl<T: StateValue> ListState<T> {
    /// A view of a registered state.
    pub fn new(state: StateId) -> Self {
        Self { state, full: Vec::new(), bytes: Vec::new(), of: PhantomData }
    }

    /// Appends elements.
    pub fn add_all(&mut self, backend: &mut dyn KeyedBackend, group: u16, key: &[u8], items: &[T]) -> Result<()> {
        if items.is_empty() {
            return Ok(());
        }
        write_key_prefix(group, key, &mut self.full);
        let prefix = self.full.len();
        let mut next = match backend.get(self.state, &self.full)? {
            Some(bytes) => u64::read(&bytes)?,
            None => 0,
        };
        for item in items {
            self.full.truncate(prefix);
            self.full.extend_from_slice(&next.to_be_bytes());
            self.bytes.clear();
            item.write(&mut self.bytes);
            backend.put(self.state, &self.full, &self.bytes)?;
            next += 1;
        }
        self.full.truncate(prefix);
        backend.put(self.state, &self.full, &next.to_be_bytes())
    }

    /// Appends an element.
    pub fn add(&mut self, backend: &mut dyn KeyedBackend, group: u16, key: &[u8], item: &T) -> Result<()> {
        self.add_all(backend, group, key, std::slice::from_ref(item))
    }

    /// Visits the elements in order with their sequence numbers until the visitor breaks.
    pub fn scan(
        &mut self,
        backend: &mut dyn KeyedBackend,
        group: u16,
        key: &[u8],
        mut visit: impl FnMut(u64, T) -> Result<ControlFlow<()>>,
    ) -> Result<()> {
        write_key_prefix(group, key, &mut self.full);
        let skip = self.full.len();
        backend.scan(self.state, &self.full, &mut |full, value| match full
            .get(skip..)
            .and_then(|s| <[u8; 8]>::try_from(s).ok())
        {
            Some(seq) => visit(u64::from_be_bytes(seq), T::read(value)?),
            None => Ok(ControlFlow::Continue(())),
        })
    }

    /// All elements in order.
    pub fn get(&mut self, backend: &mut dyn KeyedBackend, group: u16, key: &[u8]) -> Result<Vec<T>> {
        let mut items = Vec::new();
        self.scan(backend, group, key, |_, item| {
            items.push(item);
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(items)
    }

    /// Replaces all elements.
    pub fn set(&mut self, backend: &mut dyn KeyedBackend, group: u16, key: &[u8], items: &[T]) -> Result<()> {
        self.clear(backend, group, key)?;
        self.add_all(backend, group, key, items)
    }

    /// Removes the element with a sequence number.
    pub fn remove(&mut self, backend: &mut dyn KeyedBackend, group: u16, key: &[u8], seq: u64) -> Result<()> {
        write_key_prefix(group, key, &mut self.full);
        self.full.extend_from_slice(&seq.to_be_bytes());
        backend.delete(self.state, &self.full)
    }

    /// Removes all elements.
    pub fn clear(&mut self, backend: &mut dyn KeyedBackend, group: u16, key: &[u8]) -> Result<()> {
        write_key_prefix(group, key, &mut self.full);
        backend.delete_prefix(self.state, &self.full)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use crate::backend::StateKind;
    use crate::heap::HeapFactory;
    use crate::testing::{Bench, spec};

    #[test]
    fn handles_keep_keys_apart() {
        let bench = Bench::new();
        let mut b = bench.open(&HeapFactory::new(), 0..4, vec![]).unwrap();
        let id = |b: &mut dyn KeyedBackend, n: &str, k| b.register(&spec(n, k)).unwrap();
        let v = id(&mut *b, "v", StateKind::Value);
        let m = id(&mut *b, "m", StateKind::Map);
        let l = id(&mut *b, "l", StateKind::List);
        let a = id(&mut *b, "a", StateKind::Aggregating);
        let b = &mut *b;
        // Canonical keys delimit themselves, so none is another's prefix.
        let (k1, k2) = ([1u8, b'a', 0, 0], [1u8, b'a', b'b', 0, 0]);

        let mut value = ValueState::<i64>::new(v);
        value.set(b, 1, &k1, &-5).unwrap();
        assert_eq!(value.get(b, 1, &k1).unwrap(), Some(-5));
        assert_eq!(value.get(b, 1, &k2).unwrap(), None);
        value.clear(b, 1, &k1).unwrap();
        assert_eq!(value.get(b, 1, &k1).unwrap(), None);

        let mut map = MapState::<String>::new(m);
        map.put(b, 1, &k1, b"y", &"2".to_string()).unwrap();
        map.put(b, 1, &k1, b"x", &"1".to_string()).unwrap();
        map.put(b, 1, &k2, b"x", &"3".to_string()).unwrap();
        assert_eq!(map.first(b, 1, &k1).unwrap(), Some((b"x".to_vec(), "1".to_string())));
        map.remove(b, 1, &k1, b"x").unwrap();
        assert_eq!(map.get(b, 1, &k1, b"y").unwrap().as_deref(), Some("2"));
        map.clear(b, 1, &k1).unwrap();
        assert!(map.is_empty(b, 1, &k1).unwrap());
        assert!(!map.is_empty(b, 1, &k2).unwrap());

        let mut list = ListState::<u32>::new(l);
        list.add_all(b, 2, &k1, &[7, 6]).unwrap();
        list.add(b, 2, &k1, &5).unwrap();
        assert_eq!(list.get(b, 2, &k1).unwrap(), [7, 6, 5]);
        list.remove(b, 2, &k1, 1).unwrap();
        list.add(b, 2, &k1, &4).unwrap();
        assert_eq!(list.get(b, 2, &k1).unwrap(), [7, 5, 4]);
        list.set(b, 2, &k1, &[9]).unwrap();
        assert_eq!(list.get(b, 2, &k1).unwrap(), [9]);

        let mut agg = AggregatingState::<u64>::new(a);
        for _ in 0..3 {
            agg.update(b, 3, &k1, |old| Ok(Some(old.unwrap_or(0) + 2))).unwrap();
        }
        assert_eq!(agg.get(b, 3, &k1).unwrap(), Some(6));
        agg.update(b, 3, &k1, |_| Ok(None)).unwrap();
        assert_eq!(agg.get(b, 3, &k1).unwrap(), None);
    }

    #[test]
    fn values_of_the_wrong_size_are_errors() {
        assert!(u64::read(&[1, 2]).unwrap_err().to_string().contains("2 bytes is no u64"));
        assert!(bool::read(&[2]).is_err());
        assert_eq!(f64::read(&1.5f64.to_be_bytes()).unwrap(), 1.5);
    }
}
