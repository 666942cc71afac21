//! Which worker runs which subtask. Pure.
//!
//! Slots are shared as in Flink: slot i holds subtask i of every vertex, so a job
//! needs as many slots as its largest parallelism. They are spread evenly; within
//! that, a slot goes to the worker that had its key groups before: their files are there.

/// A worker that can take subtasks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// Stable name.
    pub worker: String,
    /// Its slots.
    pub slots: u32,
}

/// By slot, the index of its worker in `offers`; `None` when there are too few slots.
/// `before` names the workers of the last assignment, by slot.
pub fn assign(needed: u32, offers: &[Offer], before: &[String]) -> Option<Vec<usize>> {
    let needed = needed as usize;
    let homes = homes(needed, before);
    let mut left = quotas(needed, offers, &homes)?;
    let mut slots: Vec<Option<usize>> = vec![None; needed];
    for (slot, worker) in slots.iter_mut().zip(&homes) {
        let kept = offers.iter().position(|o| o.worker == **worker);
        if let Some((w, quota)) = kept.and_then(|w| left.get_mut(w).map(|q| (w, q)))
            && *quota > 0
        {
            *quota -= 1;
            *slot = Some(w);
        }
    }
    // The rest goes round, so that vertices of a smaller parallelism are spread too.
    let mut taken: Vec<usize> = (0..offers.len()).map(|w| slots.iter().filter(|s| **s == Some(w)).count()).collect();
    for slot in slots.iter_mut().filter(|s| s.is_none()) {
        let open = left.iter_mut().zip(&mut taken).enumerate().filter(|(_, (quota, _))| **quota > 0);
        let (worker, (quota, taken)) = open.min_by_key(|(_, (_, taken))| **taken)?;
        *quota -= 1;
        *taken += 1;
        *slot = Some(worker);
    }
    slots.into_iter().collect()
}

/// The first `keep` workers by name and number, as a StatefulSet keeps them; all when these have too few slots.
pub fn staying(offers: Vec<Offer>, keep: u32, needed: u32) -> Vec<Offer> {
    let mut first = offers.clone();
    first.sort_by(|a, b| numbered(&a.worker).cmp(&numbered(&b.worker)));
    first.truncate(keep as usize);
    let slots = first.iter().fold(0u32, |sum, o| sum.saturating_add(o.slots));
    if slots < needed { offers } else { first }
}

/// A name and the number that it ends with: `w-10` comes after `w-9`.
fn numbered(name: &str) -> (&str, Option<u64>) {
    let stem = name.trim_end_matches(|c: char| c.is_ascii_digit());
    (stem, name.strip_prefix(stem).and_then(|n| n.parse().ok()))
}

/// By slot, the worker that had the middle of its key groups before; empty when nothing ran before.
fn homes(needed: usize, before: &[String]) -> Vec<&String> {
    (0..needed).filter_map(|slot| before.get((2 * slot + 1) * before.len() / (2 * needed))).collect()
}

/// Slots of each worker: as even as their sizes allow. Where it cannot be quite even, who had more keeps more.
fn quotas(needed: usize, offers: &[Offer], homes: &[&String]) -> Option<Vec<usize>> {
    let had: Vec<usize> = offers.iter().map(|o| homes.iter().filter(|h| ***h == o.worker).count()).collect();
    let mut quotas = vec![0usize; offers.len()];
    for _ in 0..needed {
        let free = quotas.iter_mut().zip(offers).zip(&had).filter(|((q, o), _)| **q < o.slots as usize);
        let ((quota, _), _) = free.min_by_key(|((q, _), had)| (**q, **had <= **q))?;
        *quota += 1;
    }
    Some(quotas)
}

/// By vertex, by subtask: the worker. `parallelism` is the vertices'.
pub fn by_vertex(slots: &[usize], parallelism: impl IntoIterator<Item = u32>) -> Vec<Vec<usize>> {
    parallelism.into_iter().map(|p| slots.iter().take(p as usize).copied().collect()).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn offers(slots: &[u32]) -> Vec<Offer> {
        slots.iter().enumerate().map(|(i, s)| Offer { worker: format!("w{i}"), slots: *s }).collect()
    }

    fn names(slots: &[usize], offers: &[Offer]) -> Vec<String> {
        slots.iter().map(|w| offers[*w].worker.clone()).collect()
    }

    #[test]
    fn slots_go_round_the_workers() {
        let table: [(u32, &[u32], Option<&[usize]>); 6] = [
            (4, &[2, 2], Some(&[0, 1, 0, 1])),
            (3, &[4, 4], Some(&[0, 1, 0])),
            (4, &[1, 8], Some(&[0, 1, 1, 1])),
            (3, &[1, 1], None),
            (1, &[], None),
            (2, &[0, 2], Some(&[1, 1])),
        ];
        for (needed, slots, expected) in table {
            assert_eq!(assign(needed, &offers(slots), &[]).as_deref(), expected, "{needed} on {slots:?}");
        }
    }

    #[test]
    fn a_replaced_worker_takes_the_slots_of_the_lost_one_alone() {
        let old = offers(&[2, 2, 2]);
        let before = names(&assign(6, &old, &[]).unwrap(), &old);
        let mut new = old.clone();
        new[1].worker = "w9".into();
        let after = names(&assign(6, &new, &before).unwrap(), &new);
        for (slot, (b, a)) in before.iter().zip(&after).enumerate() {
            assert_eq!(a, if b == "w1" { "w9" } else { b }, "slot {slot}");
        }
    }

    #[test]
    fn at_another_parallelism_slots_go_where_their_key_groups_were() {
        let offers = offers(&[2, 2]);
        let at_2 = names(&assign(2, &offers, &[]).unwrap(), &offers);
        assert_eq!(at_2, ["w0", "w1"]);
        let at_4 = names(&assign(4, &offers, &at_2).unwrap(), &offers);
        assert_eq!(at_4, ["w0", "w0", "w1", "w1"]);
        assert_eq!(names(&assign(2, &offers, &at_4).unwrap(), &offers), at_2);
    }

    #[test]
    fn workers_with_the_lowest_numbers_stay() {
        let named =
            |names: &[&str]| -> Vec<Offer> { names.iter().map(|n| Offer { worker: (*n).into(), slots: 2 }).collect() };
        let all = named(&["w-10", "w-2", "w-1", "w-0"]);
        assert_eq!(staying(all.clone(), 3, 6), named(&["w-0", "w-1", "w-2"]));
        assert_eq!(staying(all.clone(), 1, 3), all);
        assert_eq!(staying(all.clone(), 9, 8).len(), 4);
    }

    #[test]
    fn a_vertex_takes_the_first_slots() {
        assert_eq!(by_vertex(&[0, 1, 0], [3, 1, 2]), [vec![0, 1, 0], vec![0], vec![0, 1]]);
    }

    proptest! {
        #[test]
        fn assignments_are_complete_even_and_stable(
            slots in proptest::collection::vec(0u32..6, 0..6),
            needed in 1u32..20,
            before in proptest::collection::vec(0usize..8, 0..20),
        ) {
            let offers = offers(&slots);
            let before: Vec<String> = before.iter().map(|w| format!("w{w}")).collect();
            let Some(got) = assign(needed, &offers, &before) else {
                prop_assert!(slots.iter().sum::<u32>() < needed);
                return Ok(());
            };
            prop_assert_eq!(got.len(), needed as usize);
            let loads: Vec<u32> =
                (0..slots.len()).map(|w| u32::try_from(got.iter().filter(|g| **g == w).count()).unwrap()).collect();
            let most = loads.iter().max().copied().unwrap_or(0);
            for (load, slots) in loads.iter().zip(&slots) {
                prop_assert!(load <= slots);
                // Who has clearly less than another is full.
                prop_assert!(load + 1 >= most || load == slots, "{:?} on {:?}", loads, slots);
            }
            // No two slots could be swapped to bring one home without taking one away.
            let now = names(&got, &offers);
            let before = homes(got.len(), &before);
            for (i, home) in before.iter().enumerate().filter(|(i, b)| now[*i] != ***b) {
                for (j, other) in now.iter().enumerate() {
                    prop_assert!(other != *home || before.get(j) == Some(home), "slots {i} and {j} of {now:?}, before {before:?}");
                }
            }
            // Again: nothing moves.
            prop_assert_eq!(assign(needed, &offers, &now), Some(got));
        }
    }
}
