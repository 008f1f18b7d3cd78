"""Conditions of a flow: comparisons of `decision` with constants, and nothing else."""

import ast

from yunnao.kernel.errors import InvalidInput


def evaluate_condition(expression: str, decision: object) -> bool:
    """`decision == "x"`, `!=`, `in ("x", "y")`, joined by and/or/not. Raises InvalidInput otherwise."""
    try:
        tree = ast.parse(expression.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise InvalidInput("flow_condition_unsupported", expression=expression[:200]) from error
    return _evaluate(tree, decision, expression)


def constants_of(expression: str) -> set[str]:
    """The texts that a checked condition compares `decision` with."""
    tree = ast.parse(expression.strip(), mode="eval")
    return {n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str)}


def _evaluate(node: ast.expr, decision: object, expression: str) -> bool:
    if isinstance(node, ast.BoolOp):
        parts = [_evaluate(value, decision, expression) for value in node.values]
        return all(parts) if isinstance(node.op, ast.And) else any(parts)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return not _evaluate(node.operand, decision, expression)
    if (
        isinstance(node, ast.Compare)
        and len(node.ops) == 1
        and isinstance(node.left, ast.Name)
        and node.left.id == "decision"
    ):
        operator, right = node.ops[0], node.comparators[0]
        constants = _constants(right)
        if constants and isinstance(operator, ast.Eq | ast.NotEq) and isinstance(right, ast.Constant):
            return (decision == constants[0]) == isinstance(operator, ast.Eq)
        if constants and isinstance(operator, ast.In | ast.NotIn) and not isinstance(right, ast.Constant):
            return (decision in constants) == isinstance(operator, ast.In)
    raise InvalidInput("flow_condition_unsupported", expression=expression[:200])


def _constants(node: ast.expr) -> list[str]:
    parts = node.elts if isinstance(node, ast.Tuple | ast.List | ast.Set) else [node]
    values = [part.value for part in parts if isinstance(part, ast.Constant)]
    strings = [value for value in values if isinstance(value, str)]
    return strings if len(strings) == len(parts) else []
