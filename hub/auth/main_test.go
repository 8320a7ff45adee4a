package auth

import (
	"testing"

	"go.uber.org/goleak"
)

// TestMain fails when an Authority that was closed leaves a goroutine behind.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
