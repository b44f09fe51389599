pub mod address;
pub mod api;
pub mod follow;
pub mod generate;
pub mod line;
pub mod tail;

#[cfg(test)]
mod fake_server;
