package fifo

// Idle reports whether no operation waits or works.
func (q *Queue) Idle() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.tails) == 0
}
