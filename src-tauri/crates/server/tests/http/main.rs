//! The server over real sockets, with a real engine on a temporary folder.

mod openapi;
