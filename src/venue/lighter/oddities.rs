//! What the venue sent that this program does not know: counted, told once, never fatal.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Distinct oddities that are kept; a venue that sends garbage must not fill the memory.
const KEPT: usize = 512;

/// A shared count of unknown enum values, skipped rows and missing fields.
#[derive(Clone, Debug, Default)]
pub struct Oddities(Arc<Mutex<BTreeMap<(&'static str, String), u64>>>);

impl Oddities {
    /// Counts `detail` at `place`, and logs it the first time.
    pub(super) fn note(&self, place: &'static str, detail: &str) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (place, detail.chars().take(120).collect::<String>());
        if let Some(count) = seen.get_mut(&key) {
            *count += 1;
        } else if seen.len() < KEPT {
            tracing::warn!(place, detail = %key.1, "the venue sent something unknown");
            seen.insert(key, 1);
        }
    }

    /// Returns every oddity so far with how often it came, as `place: detail`.
    pub fn counts(&self) -> Vec<(String, u64)> {
        let seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.iter().map(|((place, detail), count)| (format!("{place}: {detail}"), *count)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_oddity_is_one_entry() {
        let oddities = Oddities::default();
        oddities.note("order.status", "canceled-moon");
        oddities.clone().note("order.status", "canceled-moon");
        assert_eq!(oddities.counts(), [("order.status: canceled-moon".to_owned(), 2)]);
    }

    #[test]
    fn the_memory_is_bounded() {
        let oddities = Oddities::default();
        for i in 0..2 * KEPT {
            oddities.note("frame", &i.to_string());
        }
        assert_eq!(oddities.counts().len(), KEPT);
    }
}
