package cli

import (
	"context"
	"crypto/rand"
	"net/http"
	"net/url"
	"strings"

	"github.com/zida-hub/zida/connectors"
	"github.com/zida-hub/zida/hub/cli/demo"
)

// demoUser is a person who can log in on the demo's page.
type demoUser struct {
	User     string `json:"user"`
	Password string `json:"password"`
	Role     string `json:"role"`
	Agency   string `json:"agency"`
	Name     string `json:"name"`
}

// demoRoles are those of each side's users.
var demoRoles = []struct{ role, name, clearance string }{
	{"viewer", "演示浏览员", "internal"},
	{"analyst", "演示分析员", "sensitive"},
	{"steward", "演示数据管理员", "sensitive"},
	{"admin", "演示机构管理员", "internal"},
}

// demoUsers makes each side's users.
func (s *session) demoUsers(ctx context.Context, url string) ([]demoUser, error) {
	admin, err := s.demoAdmin(url)
	if err != nil {
		return nil, err
	}
	defer admin.Close()
	var users []demoUser
	for _, side := range demo.Sides {
		for _, r := range demoRoles {
			u := demoUser{User: side.Short + "." + r.role, Password: strings.ToLower(rand.Text())[:20], Role: r.role, Agency: side.ID, Name: r.name}
			if err := registerDemoUser(ctx, admin, &u, r.clearance); err != nil {
				return nil, err
			}
			users = append(users, u)
		}
	}
	return users, nil
}

// registerDemoUser makes a user, or gives a new password to one that a start cut
// short has left behind. Who tries the demo is spared the change of the password.
func registerDemoUser(ctx context.Context, admin *connectors.Client, u *demoUser, clearance string) error {
	_, err := admin.Admin(ctx, http.MethodPost, "/users", nil, map[string]any{
		"id": u.User, "agency": u.Agency, "name": u.Name, "role": u.Role, "clearance": clearance, "password": u.Password, "must_change": false,
	})
	if err != nil && isThere(err) {
		_, err = admin.Admin(ctx, http.MethodPost, "/users/"+url.PathEscape(u.User)+"/password", nil, map[string]any{"password": u.Password, "must_change": false})
	}
	return err
}

func userGrid(users []demoUser) [][]string {
	grid := [][]string{{"USER", "PASSWORD", "ROLE", "AGENCY", "NAME"}}
	for _, u := range users {
		grid = append(grid, []string{u.User, u.Password, u.Role, u.Agency, u.Name})
	}
	return grid
}
