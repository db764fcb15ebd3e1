package vault

import (
	"context"
	"time"
)

// unlockTime is what opening a vault by a passphrase is meant to take on the
// machine that made the slot: long enough to make guessing dear, short enough
// for a person who waits.
const unlockTime = 250 * time.Millisecond

// priced returns the cost for a new slot: the one that is asked for, or, if none
// is, as many passes as fit into unlockTime on this machine, between the
// recommended least and what every reader accepts.
func priced(ctx context.Context, kdf string, asked cost) (cost, error) {
	if asked != (cost{}) {
		return asked, nil
	}
	least, run, most := leastArgon2id, stretcher(argon2idKey), min(maxTime, maxWorkKiB/leastArgon2id.memoryKiB)
	if kdf == kdfPBKDF2 {
		least, run, most = leastPBKDF2, pbkdf2Key, maxIterations
	}
	begun := time.Now()
	key, err := stretch(ctx, randomBytes(saltSize), randomBytes(saltSize), least, run)
	clear(key)
	return scaled(least, most, time.Since(begun)), err
}

// scaled returns least with its time raised so far that what took as long as
// took would take unlockTime.
func scaled(least cost, most uint32, took time.Duration) cost {
	c := least
	if took > 0 && took < unlockTime {
		c.time = uint32(min(int64(most), int64(least.time)*int64(unlockTime)/int64(took)))
	}
	return c
}
