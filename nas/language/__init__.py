"""The search-space language: documents, holes, layout, canonical form, hashes, size, encodings."""

from nas.language.architecture import Architecture
from nas.language.graph import IMAGE, Graph, InputSpec, Node, OutputSpec, Pad, Ref
from nas.language.holes import Assignment, Chooser, Hole, Value
from nas.language.load import load_architecture, load_space, space_names, system_document, system_names
from nas.language.require import Requirement, check_contradictions, parse_requirement
from nas.language.space import Draw, Random, Space

__all__ = [
    "IMAGE",
    "Architecture",
    "Assignment",
    "Chooser",
    "Draw",
    "Graph",
    "Hole",
    "InputSpec",
    "Node",
    "OutputSpec",
    "Pad",
    "Random",
    "Ref",
    "Requirement",
    "Space",
    "Value",
    "check_contradictions",
    "load_architecture",
    "load_space",
    "parse_requirement",
    "space_names",
    "system_document",
    "system_names",
]
