package memory_test

import (
	"testing"

	"github.com/kinring/kinring/backend/memory"
	"github.com/kinring/kinring/store"
	"github.com/kinring/kinring/store/storetest"
)

func TestConformance(t *testing.T) {
	storetest.Run(t, storetest.Target{
		Open: func(testing.TB) store.Store { return memory.New() },
	})
}
