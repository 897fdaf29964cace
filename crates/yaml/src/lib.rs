//! YAML and JSON text in, a tree out whose nodes know where they are written, down to the byte.
//!
//! [`parse`] makes a [`Document`] of each document of a stream ([`tree`]). [`scalar`] says what a node
//! means to Kubernetes' tools; [`source`] finds a piece of a value in its spelling, and its line.

#![warn(unreachable_pub)]

mod scalar;
pub mod source;
pub mod spelling;
mod tree;

pub use granit_parser::ScalarStyle;
pub use tree::{Broken, Document, Entry, Kind, Node, NodeId, parse};
