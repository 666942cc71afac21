#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
use super::*;
use crate::testing::ManualClock;
use crate::ttl::Policy;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;

const GROUPS: u32 = 4;

fn full(k: u8) -> Vec<u8> {
    let mut keys = FullKeys::default();
    keys.push(&vec![k; usize::from(k % 5) * if k > 250 { 200 } else { 1 } + 1], GROUPS);
    keys.key(0).to_vec()
}

type Map = BTreeMap<Vec<u8>, Vec<u8>>;

fn content(table: &PointTable) -> Map {
    table.range(&[]).into_iter().map(|(k, v)| (k.to_vec(), v.to_vec())).collect()
}

proptest! {
    /// A table, with all that happens to it, is a map; what it froze stays; a cache in front of a map loses nothing.
    #[test]
    fn it_is_a_map(script: Vec<(u8, Vec<(u8, u8)>)>, cache: bool) {
        let policy = Policy::new(None, Arc::new(ManualClock::new(0)));
        let mut table = PointTable::new(0..GROUPS, cache);
        let (mut want, mut db) = (Map::new(), Map::new());
        let mut frozen: Option<(Frozen, Map)> = None;
        for (op, pairs) in script {
            match op % 6 {
                0 | 1 => {
                    let mut keys = FullKeys::default();
                    pairs.iter().for_each(|(k, _)| keys.push_full(&full(*k)));
                    let added = table.resolve(&keys, 0..keys.len(), usize::from(op)).unwrap();
                    if cache {
                        for i in added {
                            table.fill(i as usize, db.get(keys.key(i as usize)).map(Vec::as_slice)).unwrap();
                        }
                    }
                    let mut entries = Entries::new(&mut table, &policy);
                    for (i, (k, v)) in pairs.iter().enumerate() {
                        let key = full(*k);
                        let expected = want.get(&key).map(|v| v[..v.len() - 1].to_vec());
                        prop_assert_eq!(entries.get(i).unwrap().map(<[u8]>::to_vec), expected.clone());
                        match v % 4 {
                            0 => {
                                entries.remove(i).unwrap();
                                want.remove(&key);
                            }
                            1 if expected.is_some() => {
                                let value = entries.get_mut(i).unwrap().unwrap();
                                value.fill(*v);
                                want.insert(key, [vec![*v; value.len()], vec![0]].concat());
                            }
                            2 => {
                                let value = vec![*v; usize::from(*v) * if *v > 240 { 300 } else { 1 }];
                                entries.set(i, &value).unwrap();
                                want.insert(key, [value, vec![0]].concat());
                            }
                            _ => {}
                        }
                    }
                }
                2 => {
                    for (k, v) in &pairs {
                        let key = full(*k);
                        let stored = (v % 3 != 0).then(|| vec![*v; usize::from(*v)]);
                        let stored = stored.map(|s| [s, vec![0]].concat());
                        table.set(&key, stored.as_deref()).unwrap();
                        match stored {
                            Some(s) => want.insert(key, s),
                            None => want.remove(&key),
                        };
                    }
                }
                3 => {
                    if let Some((frozen, then)) = frozen.take() {
                        let mut got = Vec::new();
                        frozen.visit(0..GROUPS, &mut |k, v| { got.push((k.to_vec(), v.to_vec())); Ok(()) }).unwrap();
                        prop_assert!(got.windows(2).all(|w| w[0].0 < w[1].0));
                        prop_assert_eq!(got.into_iter().collect::<Map>(), then);
                    }
                    let now = content(&table);
                    frozen = Some((table.freeze(), now));
                }
                4 if cache => {
                    let taken = (pairs.len() % 2 == 0).then(|| table.take_dirty());
                    if taken.is_some() {
                        // What is under way is not forgotten.
                        table.shrink(0);
                        prop_assert_eq!(table.dirty_memory(), 0);
                    }
                    for (k, s) in taken.as_ref().map_or_else(|| table.dirty_sorted(), Dirty::sorted) {
                        if taken.is_some() {
                            prop_assert_eq!(s, table.find(k, hash_of(k)).and_then(|loc| table.stored(loc)));
                        }
                        match s {
                            Some(s) => db.insert(k.to_vec(), s.to_vec()),
                            None => db.remove(k),
                        };
                    }
                    match taken {
                        Some(_) => table.written(),
                        None => table.next_epoch(),
                    }
                    prop_assert_eq!(&db, &want);
                    prop_assert_eq!(table.dirty_memory(), 0);
                }
                5 if cache => {
                    table.shrink(u64::from(op) * 20);
                    prop_assert!(table.memory() <= u64::from(op) * 20 || table.dirty_memory() > 0);
                }
                _ => {}
            }
            for (k, _) in &pairs {
                let key = full(*k);
                match table.get(&key) {
                    Known::Stored(s) => prop_assert_eq!(Some(s), want.get(&key).map(Vec::as_slice)),
                    Known::Absent => prop_assert_eq!(None, want.get(&key)),
                    Known::No if cache => prop_assert_eq!(db.get(&key), want.get(&key)),
                    Known::No => prop_assert_eq!(None, want.get(&key)),
                }
            }
            if !cache {
                prop_assert_eq!(content(&table), want.clone());
                prop_assert_eq!(table.len(), want.len() as u64);
            }
        }
        table.forget(&[]);
        prop_assert_eq!((table.memory(), table.dirty_memory(), table.len()), (0, 0, 0));
    }
}

#[test]
fn epochs_come_round() {
    let mut table = PointTable::new(0..GROUPS, true);
    table.set(&full(1), Some(b"a")).unwrap();
    table.set(&full(2), Some(b"b")).unwrap();
    for _ in 0..700 {
        let taken = table.take_dirty();
        assert_eq!(taken.sorted().last().unwrap().0, full(2).as_slice());
        table.shrink(0);
        assert_ne!(table.get(&full(2)), Known::No, "under way");
        table.written();
        table.remember(&full(1), Some(b"a")).unwrap();
        assert!(table.dirty_sorted().is_empty());
        table.set(&full(2), Some(b"c")).unwrap();
        assert_eq!(table.dirty_sorted(), [(full(2).as_slice(), Some(b"c".as_slice()))]);
    }
    table.set(&full(1), Some(b"d")).unwrap();
    assert_eq!(table.dirty_sorted().len(), 2);
}
