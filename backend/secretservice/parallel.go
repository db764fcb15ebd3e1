package secretservice

import "sync"

// inParallel calls f for each number below n, a few at the same time, and waits
// for all.
func inParallel(n int, f func(int)) {
	if n == 1 {
		f(0)
		return
	}
	next := make(chan int)
	var all sync.WaitGroup
	for range min(n, atOnce) {
		all.Go(func() {
			for i := range next {
				f(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	all.Wait()
}
