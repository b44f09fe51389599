//! Who may do what, seen from outside: every endpoint and every real-time event by every kind of caller, on every transport;
//! what a caller may have of a node; what attackers try.

mod analysts;
mod attacks;
mod callers;
mod commands;
mod database;
mod keys;
mod limits;
mod matrix;
mod recovery;
mod start;
mod streams;
mod tokens;
