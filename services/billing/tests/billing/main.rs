//! The billing service against a real Postgres, RabbitMQ and Redis.

#![expect(clippy::unwrap_used, reason = "a test ends at the first surprise")]

mod calls;
mod export;
mod overdue;
mod pages;
mod parameters;
mod rebuild;
mod recording;
mod refill;
mod refill_budgets;
mod refill_families;
mod refill_list;
mod refill_spools;
mod shadows;
mod stage;
mod tenants;
mod totals;
mod usage;
