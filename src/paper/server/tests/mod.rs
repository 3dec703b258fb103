//! The server over real sockets, spoken to as the venue is.

mod faults;
mod flood;
mod prices;
mod reads;
mod rig;
mod streams;
mod trading;
