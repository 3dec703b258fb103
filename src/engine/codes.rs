//! The exit codes a pair can end with (DESIGN §2); the command line has the whole table.

/// Ended as the plan declares.
pub const OK: u8 = 0;
/// Failed before anything was sent.
pub const FAILED_BEFORE_SENDING: u8 = 1;
/// Tool or I/O fault, with nothing at stake.
pub const FAULT: u8 = 3;
/// Stopped on request and within policy.
pub const STOPPED: u8 = 21;
/// Failed after something was sent; flat.
pub const FAILED_FLAT: u8 = 22;
/// Ended with exposure beyond policy or an order still open.
pub const EXPOSED: u8 = 23;
/// An outcome is unknown.
pub const UNKNOWN: u8 = 24;
/// The key's nonces moved without this journal.
pub const FOREIGN_SIGNER: u8 = 25;
/// Plan or market are not those of the run any more.
pub const CHANGED: u8 = 26;
/// A check or risk rule stopped it while flat.
pub const RULE_STOPPED: u8 = 28;

/// Returns the code of a run from the codes of its pairs: the highest in the order 27, 25, 24, 23, 26, 28, 22, 21, 1, 0.
pub fn worst(codes: impl IntoIterator<Item = u8>) -> u8 {
    const ORDER: [u8; 11] = [
        27,
        FOREIGN_SIGNER,
        UNKNOWN,
        EXPOSED,
        CHANGED,
        RULE_STOPPED,
        FAILED_FLAT,
        STOPPED,
        FAULT,
        FAILED_BEFORE_SENDING,
        OK,
    ];
    // A code that nobody knows is not good news.
    let rank = |code: u8| ORDER.iter().position(|known| *known == code).unwrap_or(0);
    codes.into_iter().min_by_key(|code| rank(*code)).unwrap_or(OK)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_code_wins_in_the_designs_order() {
        assert_eq!(worst([0, 21, 22]), 22);
        assert_eq!(worst([28, 23, 0]), 23);
        assert_eq!(worst([24, 25, 23]), 25);
        assert_eq!(worst([0, 3]), 3);
        assert_eq!(worst([]), 0);
    }
}
