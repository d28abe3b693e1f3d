"""What own events carry: the payload of the four events of a deployment. Further fields are kept as they come."""

from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class DeploymentPerson(BaseModel):
    """Somebody who uses an environment."""

    model_config = ConfigDict(extra="allow")

    name: str = ""
    email: str = ""
    phone: str = ""


class Deployment(BaseModel):
    """An environment that is being set up or torn down."""

    model_config = ConfigDict(extra="allow")

    id: str = Field("", description="What the deployment is called wherever it is tracked.")
    environment: str = Field("", description="The stage: dev, staging, prod.")
    template: str = Field("", description="What is deployed.")
    branch: str = ""
    duration: float | str | None = Field(None, description="How long it takes, or took: seconds, or a text.")
    urls: dict[str, str] = Field({}, description="Addresses by name, such as app, admin, logs.")
    users: list[DeploymentPerson] = []
    backup: dict[str, Any] | bool | None = Field(None, description="What was kept before a teardown.")
    cost: float | dict[str, Any] | None = Field(None, description="What it costs, or what the teardown saves.")
    reason: str = ""
    urgent: bool = Field(False, description="Whether its people must hear of it at once.")
    health: str | dict[str, Any] | None = Field(None, description="How it is after the setup, where that is not well.")
    maintenance: str | None = Field(None, description="The maintenance window that it belongs to, in words.")
