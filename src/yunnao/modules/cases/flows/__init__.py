"""Flows of cases: BPMN 2.0 from packs, their versions, and what became of a case within one."""
