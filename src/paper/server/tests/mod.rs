//! The server over real sockets, spoken to as the venue is.

mod catalogue;
mod faults;
mod flood;
mod money;
mod prices;
mod reads;
mod rig;
mod streams;
mod trading;
