mod queues;
mod relaying;
mod scratch;
mod watching;
