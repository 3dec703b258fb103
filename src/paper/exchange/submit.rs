//! The API stage: what is checked before an answer (http.md §4).

use super::Exchange;
use super::api::{ApiError, Submitted};

impl ApiError {
    /// Makes a refusal.
    pub(crate) fn new(code: i64, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

impl Exchange {
    /// Takes a signed transaction in, or refuses it; a refusal uses no nonce and changes nothing.
    ///
    /// `price_protection` switches the price bands of rules.md §3.2.
    pub fn submit(
        &mut self,
        tx_type: u8,
        tx_info: &str,
        price_protection: bool,
    ) -> Result<Submitted, ApiError> {
        let _ = (tx_type, tx_info, price_protection);
        Err(ApiError::new(21505, "unsupported tx type"))
    }

    /// Takes a batch in, or refuses it as a whole; its entries then execute one by one.
    pub fn submit_batch(&mut self, txs: &[(u8, &str)]) -> Result<Vec<Submitted>, ApiError> {
        txs.iter().map(|(tx_type, info)| self.submit(*tx_type, info, true)).collect()
    }
}
