package vault

const workerRole = "KINRING_VAULT_TEST_ROLE"

var workerRoles = map[string]func(path string) error{}
