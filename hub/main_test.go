package hub

import (
	"os"
	"testing"

	"github.com/zida-hub/zida/analytics/engine"
)

func TestMain(m *testing.M) {
	engine.ChildMain() // this binary is also the engine that the hubs of these tests start
	os.Exit(m.Run())
}
