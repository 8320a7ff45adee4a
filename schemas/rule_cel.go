package schemas

import (
	"fmt"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
)

// celCheck runs a rule in cel-go, for what the typed rules do not know. It is
// slower by two orders of magnitude and allocates.
func celCheck(p *Plan, env *cel.Env, checked *cel.Ast, reads []int) (check, error) {
	program, err := env.Program(checked, cel.EvalOptions(cel.OptOptimize))
	if err != nil {
		return nil, fmt.Errorf("cel: %w", err)
	}
	return func(b *Batch) answer {
		value, _, err := program.Eval(rowActivation{b})
		if err == nil {
			if truth, ok := value.(types.Bool); ok {
				return answerOf(bool(truth))
			}
		}
		for _, at := range reads {
			if !b.has.has(at) {
				return unknown
			}
		}
		return fault
	}, nil
}

// rowActivation gives cel-go the row being read.
type rowActivation struct{ b *Batch }

// Parent is part of cel.Activation.
func (rowActivation) Parent() cel.Activation { return nil }

// ResolveName is part of cel.Activation: the value of a property, null when absent.
func (a rowActivation) ResolveName(name string) (any, bool) {
	b := a.b
	at := int(b.plan.names.find([]byte(name))) - 1
	if at < 0 {
		return nil, false
	}
	if !b.has.has(at) {
		return types.NullValue, true
	}
	s := &b.slots[at]
	switch b.plan.fields[at].kind {
	case kindString, kindCode:
		return types.String(s.str), true
	case kindInt:
		return types.Int(s.num), true
	case kindFloat:
		return types.Double(s.float()), true
	case kindBool:
		return types.Bool(s.num != 0), true
	case kindTime:
		return types.Timestamp{Time: time.UnixMilli(s.num).UTC()}, true
	case kindDate:
		return types.Timestamp{Time: time.UnixMilli(dateMillis(s.num)).UTC()}, true
	}
	return nil, false
}
