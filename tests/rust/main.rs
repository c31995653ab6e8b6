//! The whole program from outside: the real binary, killed, restarted and listened to.

mod arrows;
mod crash;
mod jobs;
mod live;
mod schedules;
