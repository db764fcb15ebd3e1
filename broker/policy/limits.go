package policy

import "time"

// Bucket bounds a rate: it holds Burst tokens at most and gains Rate a second.
type Bucket struct {
	Rate, Burst float64
	left        float64
	at          time.Time
}

// Take takes one token and returns how long to wait until it is there.
func (b *Bucket) Take(now time.Time) time.Duration {
	if b.at.IsZero() {
		b.left = b.Burst
	} else if gained := now.Sub(b.at); gained > 0 {
		b.left = min(b.Burst, b.left+gained.Seconds()*b.Rate)
	}
	b.at = now
	b.left--
	if b.left >= 0 {
		return 0
	}
	return time.Duration(-b.left / b.Rate * float64(time.Second))
}

// Backoff makes a caller wait longer after each denial in a row.
type Backoff struct {
	// Free is how many denials in a row cost nothing.
	Free int
	// First is the wait after the next one; it doubles up to Most.
	First, Most time.Duration
	denials     int
	until       time.Time
}

// Denied notes a denial.
func (b *Backoff) Denied(now time.Time) {
	b.denials++
	if b.denials <= b.Free {
		return
	}
	wait := b.First
	for n := b.denials - b.Free; n > 1 && wait < b.Most; n-- {
		wait *= 2
	}
	b.until = now.Add(min(wait, b.Most))
}

// Allowed notes that something was allowed: the row is broken.
func (b *Backoff) Allowed() { b.denials, b.until = 0, time.Time{} }

// Wait returns how long the caller is still refused without being looked at.
func (b *Backoff) Wait(now time.Time) time.Duration { return max(0, b.until.Sub(now)) }
