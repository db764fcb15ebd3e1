package store

// Batcher is implemented by stores in which reading one key costs as much as
// reading all of them, such as a file that holds them together.
type Batcher interface {
	// Batch lets the store keep in memory what it has read, until end is called;
	// end may be called once. The answers stay those of a store that reads anew
	// each time: what another program changes is seen.
	Batch() (end func())
}
