"""Pages of signing in, and of a person's own account."""

from django.urls import path

from supportops.people import account_views, invitation_views, password_views, second_factor_views, sign_in_views

urlpatterns = [
    path("admin/login/", sign_in_views.SignInView.as_view(), name="sign-in"),
    path("admin/login/code/", sign_in_views.CodeView.as_view(), name="sign-in-code"),
    path("admin/account/", account_views.AccountView.as_view(), name="account"),
    path("admin/account/sessions/", account_views.EndSessionsView.as_view(), name="end-sessions"),
    path("admin/password_change/", account_views.ChangePasswordView.as_view(), name="password-change"),
    path("admin/account/second-factor/", second_factor_views.SetUpView.as_view(), name="second-factor"),
    path("admin/account/second-factor/remove/", second_factor_views.RemoveView.as_view(), name="second-factor-remove"),
    path("admin/account/recovery-codes/", second_factor_views.RecoveryCodesView.as_view(), name="recovery-codes"),
    path("people/password/", password_views.ForgottenView.as_view(), name="password-reset"),
    path("people/password/<uidb64>/<token>/", password_views.ChooseView.as_view(), name="password-choose"),
    path("people/invitation/<str:key>/", invitation_views.InvitationView.as_view(), name="invitation"),
]
