// Package explorer tries the engine's rules in every order of events.
//
// Several programs of a family, some new builds, some older ones, work on one
// key at the same time. Each call that one of them makes to a store is a
// scheduling point: any other program may go first, and the call itself may go
// wrong. The explorer takes every such choice, in every state that can be
// reached, until nothing is left to try, and asks an oracle after each step
// whether a promise is broken.
//
// # How it runs the real engine
//
// A program is ordinary code that calls stores, and the engine is part of it.
// It runs as a coroutine that stops at each store call and is told the answer.
// A program that takes nothing in but these answers is a function of them, so
// its course is remembered in a tree: a node is a call, its branches are the
// answers. Real code runs once for each new sequence of answers; every other
// schedule that gives a program the same answers walks the tree. A course that
// is run again must repeat the same calls, or the explorer stops: a rule that
// is not a function of what it was told cannot be proven this way.
//
// # What is explored
//
// A state is what the stores hold, how far each program is, which writes are
// still on their way, and what the oracle must remember. Two schedules that lead
// to equal states have the same future and are continued once; states are
// compared whole, not by digest. A program that is over is in one place, however it
// came there, and of an operation that has ended only that is remembered which a
// judgement may ask for: so states with one future are equal. The search is breadth
// first, so that the first counter-example is also one of the shortest, and it ends
// when every state has been expanded: the frontier is empty.
//
// Of steps that do not meet one order stands for all (orders.go), unless the plan
// says that every order is to be tried.
//
// Figures: a step is one choice carried out; a state is counted once however
// often it is reached; executions are complete schedules from start to end,
// counted over the graph of states by adding up the ways that lead to each end:
// those that are tried, so with one order for all they are fewer.
//
// # What can go wrong
//
//   - a call fails before the store sees it;
//   - a write is reported as unknown and lands at any later step, or never. If it
//     lands at the very next step, that is a write which was applied and yet
//     reported as an error;
//   - a program dies with its write in flight, which lands at any later step, or
//     never. If it lands at the next, the program died just after the write;
//   - a caller gives up: the call is cancelled, and all that follow in the same
//     operation; a write given up may still land.
//
// A program that dies between two writes is one that died after the first: what
// it read in between is gone with it.
package explorer
