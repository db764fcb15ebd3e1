package vault

// LockDir is where programs that share the vault keep the locks under which
// they replace a key: beside the vault, so that it is the same for all of them,
// also from another container or under another HOME.
func (s *vaultStore) LockDir() string { return s.path + ".locks" }
