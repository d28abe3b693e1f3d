"""Pages for people outside of the admin."""

from django.urls import path

from supportops.people.views import InvitationView

urlpatterns = [path("people/invitation/<uidb64>/<token>/", InvitationView.as_view(), name="invitation")]
