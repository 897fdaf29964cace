//! YAML or JSON text in, a tree out whose nodes know their position in the text, in bytes.
//!
//! [`parse`] makes a [`Document`] of each document of a stream ([`tree`]). [`scalar`] says what a node means to
//! Kubernetes' tools, and [`source`] finds the line and column of a position.

#![warn(unreachable_pub)]

mod scalar;
pub mod source;
pub mod spelling;
mod tree;

pub use granit_parser::ScalarStyle;
pub use tree::{Broken, Document, Entry, Kind, Node, NodeId, parse};
