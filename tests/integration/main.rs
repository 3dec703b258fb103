//! Tests across modules, over the public interface. One binary, so that it links once.

mod client_on_paper;
