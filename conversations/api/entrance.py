"""The front of the API: where things are, the documentation, and what answers where nothing is."""

from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularSwaggerSplitView
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse
from rest_framework.views import APIView

from conversations.api.problems import Problem


class Entrance(APIView):
    """Where things are."""

    permission_classes = (AllowAny,)

    @extend_schema(operation_id="entrance", responses=OpenApiTypes.OBJECT)
    def get(self, request: Request) -> Response:
        """The addresses to go on from."""
        names = ("conversations", "search", "schema", "docs")
        return Response({name: reverse(f"api:{name}", request=request) for name in names})


class Docs(SpectacularSwaggerSplitView):
    """The documentation, to read and to try. Its script is a file of its own, for the content security policy."""

    url_name = "api:schema"
    template_name = "api/docs.html"


@extend_schema(exclude=True)
class Nothing(APIView):
    """A problem instead of a page where there is nothing."""

    permission_classes = (AllowAny,)
    authentication_classes = ()

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Whatever is asked."""
        raise Problem(404, "not_found", _("There is nothing here. Addresses end with a slash; see /api/v1/docs/."))
