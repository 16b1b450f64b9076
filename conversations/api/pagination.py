"""Pages of lists."""

from rest_framework.pagination import PageNumberPagination


class Pages(PageNumberPagination):
    """``?page=`` and ``?page_size=``, 50 rows by default and 500 at most."""

    page_size_query_param = "page_size"
    max_page_size = 500
