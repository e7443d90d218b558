"""What requests may name: spaces, published systems, data sets, recipes and devices."""

from fastapi import APIRouter

from api.dependencies import Reading
from api.schemas import DeviceView, Named, PageOf, SpaceToCheck, SpaceView, SystemView
from api.services import figures, spaces
from nas.published import systems
from nas.requests import recipe_names
from nas.store import datasets

router = APIRouter(prefix="/v1", tags=["library"])


@router.get("/spaces")
def list_spaces() -> PageOf[SpaceView]:
    """The ready-made spaces."""
    return PageOf(items=spaces.every())


@router.get("/spaces/{name}")
def get_space(name: str) -> SpaceView:
    """One ready-made space, with its document."""
    return spaces.get(name)


@router.post("/spaces/check")
def check_space(wanted: SpaceToCheck) -> SpaceView:
    """Check a space, as a document or as text, and count its architectures."""
    return spaces.check(wanted)


@router.get("/systems")
def list_systems() -> PageOf[SystemView]:
    """The published systems; parameters and FLOPs are counted from their trees."""
    return PageOf(items=[SystemView.model_validate(system) for system in systems()])


@router.get("/datasets")
def list_datasets(session: Reading) -> PageOf[Named]:
    """The data sets that searches may name; `nas data add` registers one."""
    return PageOf(items=[Named(name=name) for name in datasets.names(session)])


@router.get("/recipes")
def list_recipes() -> PageOf[Named]:
    """The training recipes that searches may name."""
    return PageOf(items=[Named(name=name) for name in recipe_names()])


@router.get("/devices")
def list_devices(session: Reading) -> PageOf[DeviceView]:
    """The devices of workers that were seen in the last minute, and every device that something was measured on."""
    return PageOf(items=figures.devices(session))
