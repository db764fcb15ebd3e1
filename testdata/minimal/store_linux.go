package main

import _ "github.com/kinring/kinring/backend/secretservice"

const kind = "secret-service"
